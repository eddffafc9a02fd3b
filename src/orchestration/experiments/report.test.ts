import { describe, expect, test } from 'vitest'
import { type Lab, runLab, specWith } from './lab.ts'
import { armReports } from './report.ts'

const failing = (control: number, other: number) => (arm: string, _taste: number, random: () => number) => ({
  failed: random() < (arm === 'control' ? control : other),
})
const told = (lab: Lab) => {
  const { status, analysis } = runLab(lab)
  return armReports(specWith(lab.spec), status, undefined, analysis.findings(), analysis.courses())
}

describe('the status of an arm', () => {
  test('that is open says how many units are missing, whether they come as set, and at which level its interval is', () => {
    const [control, other] = told({ seed: 3, callers: 1_000, outcome: failing(0.1, 0.1) })
    expect(control).toEqual({ name: 'control', exposed: 1_000 - other!.exposed })
    expect(other).toMatchObject({ effect: { level: 95, by: 'exact' } })
    expect(other).not.toHaveProperty('stoppedBy')
    expect(String(other!.missing)).toMatch(/^[1-9]\d0+$/)
    expect(other!.ratioP).toBeGreaterThan(0.01)
  })

  test('says that callers are lost on the way to it', () => {
    const crooked = (arm: string, random: () => number) => arm === 'control' || random() < 0.85
    expect(told({ seed: 1, callers: 8_000, crooked, outcome: failing(0.1, 0.1) })[1]!.ratioP).toBeLessThanOrEqual(0.001)
  })

  test('that a guardrail has stopped names it, and waits for nothing', () => {
    const outcome = (arm: string, taste: number, random: () => number) => ({ ...failing(0.02, 0.2)(arm, taste, random), score: taste })
    const spec = { primary: { name: 'feedback', minimumEffect: 1 }, guardrails: [{ name: 'errorRate', margin: 1 }] }
    const [, other] = told({ seed: 1, callers: 5_000, spec, outcome })
    // Scores are judged in two ways, each at half of the level.
    expect(other).toMatchObject({ stopped: 'harm', stoppedBy: ['errorRate'], effect: { level: 97.5 } })
    expect(other).not.toHaveProperty('missing')
  })

  test('that is better waits for no more units of the primary metric', () => {
    const [, other] = told({ seed: 1, callers: 5_000, outcome: failing(0.2, 0.1) })
    expect(other).toMatchObject({ better: 1 })
    expect(other).not.toHaveProperty('missing')
  })

  test('has its part of the level, where there are several', () => {
    const arms = ['control', 'b', 'c'].map((name, i) => ({ name, version: 'v1', weight: i === 0 ? 34 : 33 }))
    const reports = told({ seed: 1, callers: 300, spec: { arms }, outcome: failing(0.1, 0.1) })
    expect(reports.map(({ effect }) => effect?.level)).toEqual([undefined, 97.5, 97.5])
  })
})
