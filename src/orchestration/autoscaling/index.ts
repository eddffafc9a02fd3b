/**
 * How many instances a version should have: policies as pure functions of a state, a sample and the time, and the bounds that hold for all of them.
 * Nothing here starts an instance, reads a clock or keeps a timer; whoever runs a policy hands it samples and does what it says.
 */
export { type BoundedDecision, type BoundedPolicy, type BoundedState, type Bounds, bounded } from './bounds.ts'
export { choosePolicy, POLICY_FORMS, POLICY_NAMES, type Surroundings } from './choose.ts'
export type { LoadPoint } from './load-curve.ts'
export { counted, type Decision, type Policy, type Sample } from './policy.ts'
export { type ServiceCurve, serviceCurve, type UnitCosts } from './service-curve.ts'
