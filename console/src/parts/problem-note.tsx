/** What did not work, why, and what to do. */
import { formatPath, formatProblem } from '../../../src/resources/field-problem.ts'
import { ApiError } from '../api/client.ts'
import { Prose } from './prose.tsx'

export function ProblemNote({ error }: { readonly error: unknown }) {
  const { message, advice, problems } =
    error instanceof ApiError ? error : { message: error instanceof Error ? error.message : String(error), advice: undefined, problems: [] }
  return (
    <div className="problem-note" role="alert">
      <strong>{message}</strong>
      {advice && (
        <span>
          <Prose text={advice} />
        </span>
      )}
      {problems.length > 0 && (
        <ul>
          {problems.map((problem) => (
            <li key={`${problem.document} ${formatPath(problem.path)} ${problem.message}`}>
              <code>{formatPath(problem.path)}</code> {formatProblem(problem)}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
