/** A sentence as control and the command line write it: what stands between backticks is something to type. */
export function Prose({ text }: { readonly text: string }) {
  return text.split('`').map((part, at) =>
    at % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a sentence do not move
      <code key={at} className="typed">
        {part}
      </code>
    ) : (
      part
    ),
  )
}
