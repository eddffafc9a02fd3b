/**
 * What fuzzing draws comes from one seed, so that a run of the tests says the same about the same code. `STRATA_FUZZ_SEED` is another one;
 * `STRATA_FUZZ_SEED=random` explores, and fast-check prints the seed and the path to what failed.
 */
import fc from 'fast-check'

const SEED = 20_261_125
const given = process.env.STRATA_FUZZ_SEED

fc.configureGlobal({ seed: given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given ?? SEED) })
