import { engineContract } from '../../src/serving/engines/engine.contract.ts'
import { loadLlama } from '../../src/serving/engines/llama/index.ts'
import { storyModel } from '../fixtures/weights.ts'
import { llamaConfig, silent } from './engines.ts'

engineContract('llama', async () => loadLlama(llamaConfig(await storyModel()), silent))
