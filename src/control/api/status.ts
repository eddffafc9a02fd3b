import type { FastifyInstance } from 'fastify'
import type { ControlContext } from '../context.ts'
import { gatewayTroubles } from '../gateway-troubles.ts'
import { systemStatus } from '../system-status.ts'

export function registerStatus(api: FastifyInstance, context: ControlContext): void {
  api.get('/status', async () => systemStatus(context, await gatewayTroubles(context)))
}
