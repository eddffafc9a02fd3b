/** What is made of an object that does not change, made when it is first asked for and forgotten with the object; `undefined` is asked for again. */
export function onceForEach<From extends object, To>(make: (from: From) => To): (from: From) => To {
  const known = new WeakMap<From, To>()
  return (from) => {
    let to = known.get(from)
    if (to === undefined) {
      to = make(from)
      known.set(from, to)
    }
    return to
  }
}
