import './overview.css'

export { Overview as default } from './overview.tsx'
