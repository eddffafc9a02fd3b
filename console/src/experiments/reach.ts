/** How far the picture of a course reaches. Pure. */
import type { ArmView } from '../../../src/resources/experiment-view.ts'

/**
 * What is known last, no effect and the one that is worth having fill at least a half of the height: what was wider before is cut off, as it would
 * make a line of all that came after it.
 */
export function reachOf(course: ArmView['course'], worth: number): { least: number; most: number } {
  const [, value, low, high] = course.at(-1) ?? [0, 0, 0, 0]
  const near = [0, worth, value, low, high]
  const [bottom, top] = [Math.min(...near), Math.max(...near)]
  const room = (top - bottom) / 2
  const ever = course.flatMap((point) => point.slice(1))
  return {
    least: Math.max(bottom - room, Math.min(bottom, ...ever) - room / 10),
    most: Math.min(top + room, Math.max(top, ...ever) + room / 10),
  }
}
