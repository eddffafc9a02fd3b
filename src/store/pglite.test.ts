import { openScratch } from './pglite.ts'
import { storeContract } from './store.contract.ts'

storeContract('the store on PGlite', openScratch)
