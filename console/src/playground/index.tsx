export { Playground as default } from './playground.tsx'
