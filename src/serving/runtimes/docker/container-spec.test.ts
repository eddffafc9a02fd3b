import { describe, expect, test } from 'vitest'
import type { Container, WantedInstance } from '../port.ts'
import { type ContainerInstance, containerName, createBody, endingName, needsOwnPort, readContainer } from './container-spec.ts'
import { dockerSocket } from './index.ts'

const wanted = (container: Partial<Container> = {}, limits?: WantedInstance['limits']): ContainerInstance => ({
  id: 'chat-0',
  config: 'the config',
  container: { image: 'app:1', port: 8000, ...container },
  ...(limits ? { limits } : {}),
  drainTimeoutMs: 30_000,
})
const body = (container: Partial<Container>, network = 'bridge', port = 8000, limits?: WantedInstance['limits']) =>
  createBody(wanted(container, limits), 'home-1', network, port)
const listed = { Id: 'c1', Names: [`/${containerName('home-1', 'chat-0')}`], Labels: {}, State: 'running', Ports: [] }

describe('a container for Docker', () => {
  test('limits, volumes, arguments and environment', () => {
    const container = {
      args: ['--port=$(PORT)', '--model', '/models/m'],
      env: { MODE: 'fast', SELF: 'http://localhost:$(PORT)' },
      volumes: [
        { source: '/srv/models', target: '/models', readOnly: true },
        { source: 'cache', target: '/cache', readOnly: false },
      ],
    }
    expect(body(container, 'bridge', 8000, { cpu: 1.5, memoryBytes: 2 ** 30, gpus: 2 })).toMatchObject({
      Image: 'app:1',
      Cmd: ['--port=8000', '--model', '/models/m'],
      Env: ['PORT=8000', 'MODE=fast', 'SELF=http://localhost:8000'],
      ExposedPorts: { '8000/tcp': {} },
      HostConfig: {
        NanoCpus: 1.5e9,
        Memory: 2 ** 30,
        MemorySwap: 2 ** 30,
        DeviceRequests: [{ Count: 2, Capabilities: [['gpu']] }],
        PortBindings: { '8000/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
        Mounts: [
          { Type: 'bind', Source: '/srv/models', Target: '/models', ReadOnly: true },
          { Type: 'volume', Source: 'cache', Target: '/cache', ReadOnly: false },
        ],
        RestartPolicy: { Name: 'unless-stopped' },
        SecurityOpt: ['no-new-privileges'],
      },
    })
  })

  test('without limits there are none, and without arguments the image decides', () => {
    expect(body({})).not.toHaveProperty('Cmd')
    const { HostConfig } = body({}) as { HostConfig: object }
    for (const limit of ['Memory', 'MemorySwap', 'NanoCpus', 'DeviceRequests']) expect(HostConfig).not.toHaveProperty(limit)
  })

  test('on the network of the host nothing is published, and the port is told', () => {
    const host = body({ args: ['$(PORT)'] }, 'host', 40_000)
    expect(host).toMatchObject({ Cmd: ['40000'], Env: ['PORT=40000'], HostConfig: { NetworkMode: 'host' } })
    expect(host).not.toHaveProperty('ExposedPorts')
    expect(needsOwnPort(wanted().container, 'host')).toBe(true)
    expect(needsOwnPort(wanted().container, 'bridge')).toBe(false)
    expect(needsOwnPort(wanted({ env: { PORT: '8000' } }).container, 'host')).toBe(false)
  })
})

describe('a container of ours', () => {
  const { Labels } = body({}) as { Labels: Record<string, string> }

  test('is what it was made from, at the port that Docker has chosen', () => {
    const Ports = [
      { PrivatePort: 9000, PublicPort: 1, Type: 'tcp' },
      { PrivatePort: 8000, PublicPort: 32_770, Type: 'tcp' },
    ]
    expect(readContainer({ ...listed, Labels, Ports })).toEqual({
      containerId: 'c1',
      instance: 'chat-0',
      config: 'the config',
      drainTimeoutMs: 30_000,
      state: 'running',
      address: { host: '127.0.0.1', port: 32_770 },
    })
  })

  test('on the network of the host it is where it was told to be; where a port is not published yet, nowhere', () => {
    expect(readContainer({ ...listed, Labels }).address).toEqual({ host: '127.0.0.1', port: 8000 })
    expect(readContainer({ ...listed, Labels, Ports: [{ PrivatePort: 8000, Type: 'tcp' }] }).address).toBeUndefined()
    expect(readContainer({ ...listed, Labels, State: 'exited' }).address).toBeUndefined()
  })

  test('that was told to end stays told to end', () => {
    const Names = [`/${endingName('home-1', 'chat-0', 1_700_000_000_000.4, 1_700_000_030_000)}`]
    expect(readContainer({ ...listed, Labels, Names }).ending).toEqual({ since: 1_700_000_000_000, until: 1_700_000_030_000 })
    expect(readContainer({ ...listed, Labels }).ending).toBeUndefined()
  })

  test('has the same name whenever it is made, and another one in another home', () => {
    expect(containerName('home-1', 'a')).toMatch(/^strata-[0-9a-f]{8}-a$/)
    expect(containerName('home-1', 'a')).toBe(containerName('home-1', 'a'))
    expect(containerName('home-2', 'a')).not.toBe(containerName('home-1', 'a'))
  })
})

test('where the daemon is', () => {
  expect(dockerSocket('')).toBe('/var/run/docker.sock')
  expect(dockerSocket('unix:///run/user/1000/docker.sock')).toBe('/run/user/1000/docker.sock')
  expect(() => dockerSocket('tcp://10.0.0.7:2375')).toThrow('only a daemon on this machine can be used')
})
