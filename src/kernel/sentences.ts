/** Words of others inside a message of ours: it stays one line, and ends before the next sentence begins. */

/** With a full stop, unless it ends as a sentence does already. */
export function asSentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}

/** Control characters and line breaks as JSON would write them: a raw one breaks tables, and one of a terminal's can do worse. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (sign) => {
    const json = JSON.stringify(sign).slice(1, -1)
    // JSON leaves those above ASCII, and DEL, as they are.
    return json === sign ? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}` : json
  })
}
