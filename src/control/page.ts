/** Small pages that control itself writes: login, a console that is not built, the API description. No scripts, nothing from elsewhere. */

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}pre,code{font:14px/1.5 ui-monospace,monospace;background:rgb(128 128 128/.15);border-radius:4px}pre{padding:.8rem;overflow:auto}code{padding:.1rem .3rem}pre code{padding:0;background:none}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid rgb(128 128 128/.3)}summary{cursor:pointer;padding:.3rem 0}'

/** `body` is HTML; texts in it must have gone through `escapeHtml`. `next`: where the page goes by itself. */
export function page(title: string, body: string, next?: string): string {
  const refresh = next === undefined ? '' : `<meta http-equiv="refresh" content="0;url=${escapeHtml(next)}">`
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">${refresh}<title>${escapeHtml(title)} · Strata</title><style>${STYLE}</style></head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>`
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}
