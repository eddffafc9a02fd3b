import { expect, test } from 'vitest'
import { imageQuery } from './engine-api.ts'
import { notePullLine, type PullProgress, sumProgress } from './pull-progress.ts'
import type { PullLine } from './shapes.ts'
import { pullingWords } from './words.ts'

test('layers add up, in whatever order Docker tells of them; a layer that is there is there as a whole', () => {
  const lines: PullLine[] = [
    { status: 'Pulling from library/x', id: 'latest' },
    { status: 'Pulling fs layer', progressDetail: {}, id: 'a' },
    { status: 'Downloading', progressDetail: { current: 1e6, total: 50e6 }, id: 'a' },
    { status: 'Downloading', progressDetail: { current: 500_000, total: 30e6 }, id: 'b' },
    { status: 'Already exists', progressDetail: {}, id: 'c' },
    { status: 'Downloading', progressDetail: { current: 11e6, total: 50e6 }, id: 'a' },
    { status: 'Downloading', progressDetail: { current: 1.5e6, total: 30e6 }, id: 'b' },
  ]
  const said = (all: readonly PullLine[]) => {
    const { current, total } = sumProgress(all.reduce<PullProgress>(notePullLine, new Map()))
    return pullingWords(current, total)
  }
  expect(said(lines.slice(0, 2))).toBe('pulling')
  expect(said(lines)).toBe('pulling 12.5 of 80.0 MB')
  expect(said([...lines, { status: 'Extracting', progressDetail: { current: 1, total: 50e6 }, id: 'a' }])).toBe('pulling 51.5 of 80.0 MB')
  expect(said([...lines, { status: 'Download complete', progressDetail: {}, id: 'b' }])).toBe('pulling 41.0 of 80.0 MB')
})

test.each([
  ['nginx', { fromImage: 'nginx', tag: 'latest' }],
  ['nginx:1.27', { fromImage: 'nginx', tag: '1.27' }],
  ['127.0.0.1:5000/team/app', { fromImage: '127.0.0.1:5000/team/app', tag: 'latest' }],
  ['127.0.0.1:5000/team/app:v2', { fromImage: '127.0.0.1:5000/team/app', tag: 'v2' }],
  ['app@sha256:00ff', { fromImage: 'app@sha256:00ff' }],
  ['app:v2@sha256:00ff', { fromImage: 'app:v2@sha256:00ff' }],
])('the image %s', (image, expected) => {
  expect(imageQuery(image)).toEqual(expected)
})
