// Loaded into every process of a system (`--import`): as if the machine had as many bytes of memory as FAULTS_MEMORY says, half of them free.
const total = Number(process.env.FAULTS_MEMORY)
process.constrainedMemory = () => total
process.availableMemory = () => total / 2
