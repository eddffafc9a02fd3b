/** Run by `strata doctor` as a process of its own: does llama.cpp's build for this machine load? A crash of native code must not end the doctor. */
import { getLlama } from 'node-llama-cpp'

const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false })
await llama.dispose()
