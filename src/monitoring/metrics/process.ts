import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metrics } from './index.ts'

/** What every process tells of itself, under the names that Prometheus' client libraries use. */
export function addProcessMetrics(metrics: Metrics): void {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const started = Date.now() / 1000 - process.uptime()
  metrics.computed('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss())
  metrics.computed('process_start_time_seconds', 'Start time of the process since the epoch.', () => started)
  metrics.computed(
    'process_cpu_seconds_total',
    'User and system CPU time.',
    () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
    'counter',
  )
  metrics.computed('nodejs_heap_size_used_bytes', 'Used heap.', () => process.memoryUsage().heapUsed)
  metrics.computed('nodejs_external_memory_bytes', 'Memory outside of the heap that objects hold.', () => process.memoryUsage().external)
  metrics.computed('nodejs_eventloop_lag_p99_seconds', '99th percentile of event loop delay since the last look.', () => {
    const value = delay.percentile(99) / 1e9
    delay.reset()
    return Number.isFinite(value) ? value : 0
  })
}
