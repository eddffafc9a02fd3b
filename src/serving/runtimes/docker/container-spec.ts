/**
 * An instance as a container: what is told to Docker, and what is read back from it.
 *
 * Labels say whose it is and what it was made from; they are the only memory, so that a control that starts anew adopts what runs. They cannot be
 * changed, a name can: a container that was told to end is renamed, with when that was and until when it may go on, and so stays told to end
 * over a restart of control and of the daemon.
 */
import { sha256Hex } from '../../../kernel/ids.ts'
import type { Container, WantedInstance } from '../port.ts'
import type { ListedContainer } from './shapes.ts'

const HOME = 'dev.strata.home'
const INSTANCE = 'dev.strata.instance'
const CONFIG = 'dev.strata.config'
const DRAIN = 'dev.strata.drain-ms'
const PORT = 'dev.strata.port'
const ENDING = /\.ending-(\d+)-(\d+)$/

export const homeLabel = (home: string) => `${HOME}=${home}`
/** The same for the same instance: Docker refuses a second one. */
export const containerName = (home: string, instance: string) => `strata-${sha256Hex(home).slice(0, 8)}-${instance}`
/** Milliseconds since the epoch. */
export const endingName = (home: string, instance: string, since: number, until: number) =>
  `${containerName(home, instance)}.ending-${Math.round(since)}-${Math.round(until)}`

/** An instance as all are here. */
export type ContainerInstance = WantedInstance & { readonly container: Container }

/** A container of ours. */
export interface OwnContainer {
  readonly containerId: string
  readonly instance: string
  readonly config: string
  readonly drainTimeoutMs: number
  /** Docker's word: created, running, paused, restarting, removing, exited, dead. */
  readonly state: string
  /** It was told to end, then, and may go on until then. */
  readonly ending?: { readonly since: number; readonly until: number }
  readonly address?: { readonly host: string; readonly port: number }
}

export function readContainer({ Id, Names, Labels, State, Ports }: ListedContainer): OwnContainer {
  const ending = Names.map((name) => ENDING.exec(name)).find(Boolean)
  const port = Number(Labels[PORT])
  // Docker chooses another host port at each start. On the host's network there is none to choose.
  const published = Ports.find(({ PrivatePort, PublicPort, Type }) => PrivatePort === port && PublicPort && Type === 'tcp')?.PublicPort
  const hostPort = published ?? (Ports.length === 0 ? port : undefined)
  return {
    containerId: Id,
    instance: Labels[INSTANCE] ?? '',
    config: Labels[CONFIG] ?? '',
    drainTimeoutMs: Number(Labels[DRAIN] ?? 0),
    state: State,
    ...(ending ? { ending: { since: Number(ending[1]), until: Number(ending[2]) } } : {}),
    ...((State === 'running' || State === 'paused') && hostPort ? { address: { host: '127.0.0.1', port: hostPort } } : {}),
  }
}

/** It runs, or Docker will start it again by itself. */
export function isAlive({ state }: OwnContainer): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting'
}

/** Whether a port must be found for it: on the host's network, where two instances cannot both have the one that the manifest names. */
export const needsOwnPort = ({ env }: Container, network: string) => network === 'host' && env?.PORT === undefined

/** Body of `POST /containers/create`. `port`: where it is to listen. */
export function createBody(instance: ContainerInstance, home: string, network: string, port: number): object {
  const { id, config, container, limits = {}, drainTimeoutMs } = instance
  const { image, args, env = {}, volumes = [] } = container
  const expand = (text: string) => text.replaceAll('$(PORT)', String(port))
  const exposed = `${port}/tcp`
  return {
    Image: image,
    ...(args ? { Cmd: args.map(expand) } : {}),
    Env: Object.entries({ PORT: String(port), ...env }).map(([name, value]) => `${name}=${expand(value)}`),
    Labels: { [HOME]: home, [INSTANCE]: id, [CONFIG]: config, [DRAIN]: String(drainTimeoutMs), [PORT]: String(port) },
    ...(network === 'host' ? {} : { ExposedPorts: { [exposed]: {} } }),
    HostConfig: {
      NetworkMode: network,
      ...(network === 'host' ? {} : { PortBindings: { [exposed]: [{ HostIp: '127.0.0.1', HostPort: '' }] } }),
      Mounts: volumes.map(({ source, target, readOnly }) => ({
        Type: source.startsWith('/') ? 'bind' : 'volume',
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      ...(limits.cpu === undefined ? {} : { NanoCpus: Math.round(limits.cpu * 1e9) }),
      // No swap on top of it: what does not fit is to end in words, not to crawl.
      ...(limits.memoryBytes === undefined ? {} : { Memory: limits.memoryBytes, MemorySwap: limits.memoryBytes }),
      ...(limits.gpus ? { DeviceRequests: [{ Driver: '', Count: limits.gpus, Capabilities: [['gpu']] }] } : {}),
      // Back at once, then after 100 ms, doubling to a minute; not when somebody stopped it.
      RestartPolicy: { Name: 'unless-stopped' },
      // As the first process it would not hear a SIGTERM before it listens to it; an init passes it on, and buries what it leaves.
      Init: true,
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    },
  }
}
