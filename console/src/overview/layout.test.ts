import { describe, expect, it } from 'vitest'
import type { Graph, GraphNode } from './graph.ts'
import { layout } from './layout.ts'

const node = (id: string, column: GraphNode['column']): GraphNode => ({ id, column, title: id, detail: '', health: 'good', state: 'ready' })
const flow = (from: string, to: string, requestsPerSecond: number) => ({ from, to, requestsPerSecond, label: '', failing: false })

const graph: Graph = {
  nodes: [
    node('clients', 0),
    node('gateway', 1),
    node('route-a', 2),
    node('route-b', 2),
    node('v-of-b', 3),
    node('v-of-a', 3),
    node('v2-of-a', 3),
    ...Array.from({ length: 5 }, (_, i) => node(`i${i}`, 4)),
  ],
  edges: [
    flow('clients', 'gateway', 100),
    flow('gateway', 'route-a', 90),
    flow('gateway', 'route-b', 10),
    flow('route-a', 'v-of-a', 80),
    flow('route-a', 'v2-of-a', 0),
    flow('route-b', 'v-of-b', 10),
    ...Array.from({ length: 5 }, (_, i) => flow('v-of-a', `i${i}`, 16)),
  ],
}

describe.each([1400, 1000, 780, 700, 380, 300])('%i pixels wide', (width) => {
  const { nodes, edges, height } = layout(graph, width)

  it('keeps every node inside', () => {
    for (const each of nodes) {
      expect(each.x).toBeGreaterThanOrEqual(0)
      expect(each.x + each.width).toBeLessThanOrEqual(width + 0.5)
      expect(each.y + each.height).toBeLessThanOrEqual(height)
      expect(each.width).toBeGreaterThan(80)
    }
  })

  it('lets no two nodes overlap', () => {
    for (const a of nodes) {
      for (const b of nodes) {
        if (a.id >= b.id) continue
        const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
        expect(apart, `${a.id} and ${b.id}`).toBe(true)
      }
    }
  })

  it('draws every edge, wider where more flows', () => {
    expect(edges).toHaveLength(graph.edges.length)
    const widthOf = (to: string) => edges.find((edge) => edge.to === to)!.strokeWidth
    expect(widthOf('gateway')).toBeGreaterThan(widthOf('route-b'))
    expect(widthOf('route-b')).toBeGreaterThan(widthOf('v2-of-a'))
  })
})

describe('order', () => {
  it('puts versions beside their routes, so that arrows do not cross', () => {
    const { nodes } = layout(graph, 1200)
    const y = (id: string) => nodes.find((each) => each.id === id)!.y
    expect(y('v-of-b')).toBeGreaterThan(y('v-of-a'))
    expect(y('v-of-b')).toBeGreaterThan(y('v2-of-a'))
  })
})
