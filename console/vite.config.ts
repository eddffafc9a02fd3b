import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Served by control from the same origin; everything it needs is in the bundle. `npx vite` proxies to a running system for development. */
export default defineConfig({
  plugins: [react()],
  build: { outDir: 'dist', emptyOutDir: true, chunkSizeWarningLimit: 900 },
  server: { proxy: { '/api': 'http://127.0.0.1:7401', '/login': 'http://127.0.0.1:7401' } },
})
