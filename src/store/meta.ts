/** Small facts of the system itself, by name: the store's id, pinned digests, the engines that were asked for. */
import type { Connection } from './connection.ts'
import { json } from './connection.ts'

export interface Meta {
  get<T>(key: string): Promise<T | undefined>
  set(key: string, value: unknown): Promise<void>
}

export function openMeta(connection: Connection): Meta {
  return {
    async get<T>(key: string) {
      const [row] = await connection.query<{ value: T }>('select value from meta where key = $1', [key])
      return row?.value
    },
    async set(key, value) {
      await connection.query(
        'insert into meta (key, value) values ($1, $2::jsonb) on conflict (key) do update set value = excluded.value',
        [key, json(value)],
      )
    },
  }
}
