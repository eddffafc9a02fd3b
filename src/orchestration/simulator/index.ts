/**
 * What would have happened: replays requests against autoscaling policies, with instances that start, batch and queue as measured ones do.
 * It runs the very policy functions of ../autoscaling and knows nothing of a running system; reading a trace is the only thing here that touches a file.
 */
export { calibrate, readServed } from './calibrate.ts'
export { type Measured, measure } from './capacity.ts'
export { chartHtml, chartSvg } from './chart.ts'
export { LLAMA_70B } from './curves.ts'
export { generate, SHAPES, type Shape } from './generator.ts'
export { dayOf } from './profile.ts'
export { durationOf, type Requests } from './requests.ts'
export type { Outcome, Scenario } from './scenario.ts'
export { simulate } from './simulate.ts'
export { readTrace, type Trace } from './trace.ts'
