/** What a resource is called, and where, if that is not the default namespace. */
export function Named({ metadata: { name, namespace } }: { readonly metadata: { readonly name: string; readonly namespace: string } }) {
  return (
    <span>
      {name}
      {namespace !== 'default' && <span className="quiet"> in {namespace}</span>}
    </span>
  )
}
