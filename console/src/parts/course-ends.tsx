/** Under a chart without a scale of time: how long it is from its left end to its right one. */
import { lasting } from '../shell/format.ts'

export function CourseEnds({ from, to, over }: { readonly from: number; readonly to: number; readonly over: boolean }) {
  const time = lasting(to - from)
  return (
    <p className="course-ends">
      <span>{over ? `${time} earlier` : `${time} ago`}</span>
      <span>{over ? 'end' : 'now'}</span>
    </p>
  )
}
