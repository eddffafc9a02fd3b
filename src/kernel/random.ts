/** Chance that repeats: the same seed, the same numbers. Never for secrets. */
export interface Random {
  /** In [0, 1). */
  uniform(): number
  /** Of the normal distribution with mean 0 and variance 1 (Box and Muller). */
  normal(): number
}

/**
 * Chris Doty-Humphrey's sfc32 (PractRand), whose state of 128 bits keeps the numbers of thousands of seeds apart; a generator with 32 bits would
 * hand out the same stretches again within one Monte Carlo study.
 *
 * @param seed A whole number; its lowest 32 bits count.
 */
export function randomFrom(seed: number): Random {
  let [a, b, c, counter] = [seed | 0, 0x9e3779b9 | 0, 0x243f6a88, 1]
  let spare: number | undefined
  const bits = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 15; i++) bits()
  const uniform = (): number => bits() / 2 ** 32
  return {
    uniform,
    normal() {
      if (spare !== undefined) {
        const value = spare
        spare = undefined
        return value
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
      const angle = 2 * Math.PI * uniform()
      spare = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    },
  }
}
