/** The picture of the running system. Each node is a link: the keyboard walks through it in reading order. */
import { useRef } from 'react'
import { Link } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { useWidth } from '../shell/use-width.ts'
import type { Graph } from './graph.ts'
import { layout, type PlacedEdge, type PlacedNode } from './layout.ts'

export function Diagram({ graph }: { graph: Graph }) {
  const ref = useRef<HTMLDivElement>(null)
  const width = useWidth(ref)
  const picture = width > 0 ? layout(graph, width) : undefined
  return (
    <div ref={ref} className="diagram" style={{ minHeight: picture?.height ?? 200 }}>
      {picture && (
        <>
          <svg width={picture.width} height={picture.height} aria-hidden className="diagram-edges">
            {picture.edges.map((edge) => (
              <Edge key={`${edge.from} ${edge.to}`} edge={edge} />
            ))}
            {picture.edges.map((edge) => (
              <Labels key={`${edge.from} ${edge.to}`} edge={edge} />
            ))}
          </svg>
          {picture.nodes.map((node) => (
            <Node key={node.id} node={node} />
          ))}
        </>
      )}
    </div>
  )
}

const kindOf = (edge: PlacedEdge) => (edge.failing ? 'failing' : edge.requestsPerSecond > 0 ? 'flowing' : 'still')

function Edge({ edge }: { edge: PlacedEdge }) {
  return (
    <g className={`edge ${kindOf(edge)}`}>
      <path d={edge.path} strokeWidth={edge.strokeWidth} />
    </g>
  )
}

/** Above all arrows: none may run through a number. */
function Labels({ edge }: { edge: PlacedEdge }) {
  if (edge.labels.length === 0) return null
  return (
    <g className={`edge ${kindOf(edge)}`}>
      {edge.labels.map(({ x, y, text }) => (
        <text key={text} x={x} y={y} textAnchor="end">
          {text}
        </text>
      ))}
    </g>
  )
}

function Node({ node }: { node: PlacedNode }) {
  const style = { left: node.x, top: node.y, width: node.width, height: node.height }
  const inside = (
    <>
      <span className="node-title">
        <StateMark health={node.health} label={node.state} />
        <span className="node-name">{node.title}</span>
      </span>
      <span className="node-detail">{node.detail}</span>
    </>
  )
  const className = `node ${node.health}`
  if (!node.thing) {
    return (
      <div className={className} style={style}>
        {inside}
      </div>
    )
  }
  return (
    <Link href={`/?show=${encodeURIComponent(node.thing)}`} className={className} style={style} title={`${node.title}: ${node.state}`}>
      {inside}
    </Link>
  )
}
