/** A name as people are told it: its namespace is said where that is not the default one. */
export function shownName(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === 'default' ? name : `${namespace}/${name}`
}
