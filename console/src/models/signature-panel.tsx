/** What goes into a model and what comes out, as the server that has it tells. */
import type { Signature } from '../../../src/resources/model-version.ts'
import { DataTable, Panel } from '../parts/index.ts'
import { shapeInWords } from './versions.ts'

export function SignaturePanel({ signature: { inputs, outputs } }: { readonly signature: Signature }) {
  const rows = [...inputs.map((tensor) => ({ ...tensor, side: 'Inputs' })), ...outputs.map((tensor) => ({ ...tensor, side: 'Outputs' }))]
  return (
    <Panel flush title="What goes in and comes out">
      <DataTable
        label="Inputs and outputs"
        rows={rows}
        rowKey={({ side, name }) => `${side} ${name}`}
        group={({ side }) => ({ key: side, heading: side })}
        columns={[
          { heading: 'Name', cell: ({ name }) => <span className="mono">{name}</span> },
          { heading: 'Type', cell: ({ datatype }) => datatype },
          { heading: 'Shape', align: 'right', cell: ({ shape }) => shapeInWords(shape) },
        ]}
      />
    </Panel>
  )
}
