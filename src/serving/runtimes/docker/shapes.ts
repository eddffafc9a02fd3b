/** What the Docker Engine API (1.41 and later) answers, as far as it is read here: docs.docker.com/reference/api/engine. */
import { z } from 'zod'

/** Go writes an absent list or map as null. */
const orEmpty = <T extends z.ZodType>(type: T, empty: z.output<T>) => type.nullish().transform((value) => value ?? empty)

export const listedContainers = z.array(
  z.object({
    Id: z.string(),
    Names: orEmpty(z.array(z.string()), []),
    Labels: orEmpty(z.record(z.string(), z.string()), {}),
    State: z.string(),
    Ports: orEmpty(z.array(z.object({ PrivatePort: z.number(), PublicPort: z.number().optional(), Type: z.string() })), []),
  }),
)
export type ListedContainer = z.output<typeof listedContainers>[number]

export const inspectedContainer = z.object({
  Id: z.string(),
  Created: z.string(),
  RestartCount: z.number(),
  State: z.object({
    Status: z.string(),
    ExitCode: z.number(),
    OOMKilled: z.boolean(),
    Error: z.string(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
  }),
  HostConfig: z.object({ Memory: z.number() }),
})
export type InspectedContainer = z.output<typeof inspectedContainer>

export const containerEvent = z.object({
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: orEmpty(z.record(z.string(), z.string()), {}) }),
  /** Nanoseconds since the epoch; a number of JavaScript keeps it to a quarter of a microsecond. */
  timeNano: z.number(),
})
export type ContainerEvent = z.output<typeof containerEvent>

export const pullLine = z.object({
  id: z.string().optional(),
  status: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() }).nullish(),
  error: z.string().optional(),
})
export type PullLine = z.output<typeof pullLine>
