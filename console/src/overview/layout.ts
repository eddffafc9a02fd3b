/**
 * Where nodes and edges of the graph stand. Wide: columns from left to right. Narrow: rows from top to bottom, so that a telephone shows
 * the same picture. Within a column nodes stand in the order of their neighbours on the left, which keeps most edges from crossing. Pure.
 */
import type { Graph, GraphEdge, GraphNode } from './graph.ts'

export interface PlacedNode extends GraphNode {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface PlacedEdge extends GraphEdge {
  /** SVG path. */
  readonly path: string
  readonly strokeWidth: number
  readonly labels: readonly { readonly x: number; readonly y: number; readonly text: string }[]
}

export interface Layout {
  readonly width: number
  readonly height: number
  readonly nodes: readonly PlacedNode[]
  readonly edges: readonly PlacedEdge[]
}

export const NODE_HEIGHT = 46
const ROW_GAP = 14
const NARROW = 760
const WIDEST_NODE = 190
const NARROWEST_GAP = 58

export function layout(graph: Graph, width: number): Layout {
  const columns = orderedColumns(graph)
  const placed = width < NARROW ? stack(columns, width) : spread(columns, width)
  const byId = new Map(placed.nodes.map((node) => [node.id, node]))
  const most = Math.max(0.001, ...graph.edges.map(({ requestsPerSecond }) => requestsPerSecond))
  const edges = graph.edges.flatMap((edge): PlacedEdge[] => {
    const from = byId.get(edge.from)
    const to = byId.get(edge.to)
    if (!from || !to) return []
    const stroke = strokeWidth(edge.requestsPerSecond, most)
    return [{ ...edge, ...(width < NARROW ? downward(edge, from, to) : rightward(edge, from, to, stroke)), strokeWidth: stroke }]
  })
  return { width, height: placed.height, nodes: placed.nodes, edges }
}

/** Area would lie: the width itself grows with the square root, so that a tenth of the traffic is still seen. */
function strokeWidth(requestsPerSecond: number, most: number): number {
  return requestsPerSecond === 0 ? 1.25 : 1.5 + 6.5 * Math.sqrt(requestsPerSecond / most)
}

function orderedColumns(graph: Graph): GraphNode[][] {
  const columns: GraphNode[][] = [[], [], [], [], []]
  for (const node of graph.nodes) columns[node.column]!.push(node)
  for (let i = 2; i < columns.length; i++) {
    const rank = new Map(columns[i - 1]!.map((node, at) => [node.id, at]))
    const position = (node: GraphNode) => {
      const sources = graph.edges.filter(({ to }) => to === node.id).flatMap(({ from }) => rank.get(from) ?? [])
      return sources.length === 0 ? Number.MAX_SAFE_INTEGER : sources.reduce((sum, at) => sum + at, 0) / sources.length
    }
    columns[i]!.sort((a, b) => position(a) - position(b) || a.title.localeCompare(b.title))
  }
  return columns.filter((column) => column.length > 0)
}

function spread(columns: GraphNode[][], width: number): { nodes: PlacedNode[]; height: number } {
  const tallest = Math.max(1, ...columns.map((column) => column.length))
  const height = tallest * (NODE_HEIGHT + ROW_GAP) - ROW_GAP + 16
  const nodeWidth = Math.min(WIDEST_NODE, (width - (columns.length - 1) * NARROWEST_GAP) / columns.length)
  const step = columns.length > 1 ? (width - nodeWidth) / (columns.length - 1) : 0
  const nodes = columns.flatMap((column, i) => {
    const used = column.length * (NODE_HEIGHT + ROW_GAP) - ROW_GAP
    return column.map((node, row) => ({
      ...node,
      x: i * step,
      y: (height - used) / 2 + row * (NODE_HEIGHT + ROW_GAP),
      width: nodeWidth,
      height: NODE_HEIGHT,
    }))
  })
  return { nodes, height }
}

const STACK_GAP = 34
/** Rows of a column whose arrows carry labels leave room for them. */
const LABELLED_GAP = 26
const LABELLED: GraphNode['column'] = 3

const STRAIGHT = 12
const LINE = 13

function stack(columns: GraphNode[][], width: number): { nodes: PlacedNode[]; height: number } {
  const perRow = width < 520 ? 2 : 3
  const nodes: PlacedNode[] = []
  let y = 8
  for (const column of columns) {
    for (let start = 0; start < column.length; start += perRow) {
      const row = column.slice(start, start + perRow)
      const nodeWidth = row.length === 1 ? Math.min(width, 260) : (width - ROW_GAP * (row.length - 1)) / row.length
      const left = (width - nodeWidth * row.length - ROW_GAP * (row.length - 1)) / 2
      row.forEach((node, i) => void nodes.push({ ...node, x: left + i * (nodeWidth + ROW_GAP), y, width: nodeWidth, height: NODE_HEIGHT }))
      y += NODE_HEIGHT + (start + perRow < column.length ? (column[0]?.column === LABELLED ? LABELLED_GAP : ROW_GAP) : STACK_GAP)
    }
  }
  return { nodes, height: y - STACK_GAP + 8 }
}

/**
 * The share and what flows stand near the target, where the arrows of one source have parted: above and below an arrow that comes straight,
 * and on the side that a bent one does not come from.
 */
function rightward(edge: GraphEdge, from: PlacedNode, to: PlacedNode, stroke: number) {
  const x1 = from.x + from.width
  const y1 = from.y + from.height / 2
  const x2 = to.x
  const y2 = to.y + to.height / 2
  const bend = (x2 - x1) / 2
  const x = x2 - 8
  const [above, below] = [y2 - stroke / 2 - 5, y2 + stroke / 2 + 12]
  const straight = Math.abs(y2 - y1) < STRAIGHT
  const [shareAt, labelAt] = straight ? [above, below] : y1 > y2 ? [above - LINE, above] : [below, below + LINE]
  return {
    path: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
    labels: [
      ...(edge.share ? [{ x, y: shareAt, text: edge.share }] : []),
      ...(edge.label ? [{ x, y: edge.share ? labelAt : straight || y1 <= y2 ? below : above, text: edge.label }] : []),
    ],
  }
}

function downward(edge: GraphEdge, from: PlacedNode, to: PlacedNode) {
  const x1 = from.x + from.width / 2
  const y1 = from.y + from.height
  const x2 = to.x + to.width / 2
  const y2 = to.y
  const bend = (y2 - y1) / 2
  const text = [edge.share, edge.label].filter(Boolean).join(' · ')
  return {
    path: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`,
    labels: text ? [{ x: x2 - 10, y: y2 - 7, text }] : [],
  }
}
