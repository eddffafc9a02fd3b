import './playground.css'

export { Playground as default } from './playground.tsx'
