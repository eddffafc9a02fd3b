import { expect, it } from 'vitest'
import { cellsOf } from './csv.ts'

it.each<[string, string[]]>([
  ['a,b,c', ['a', 'b', 'c']],
  ['"a","b","c"', ['a', 'b', 'c']],
  ['1,"a, ""b""",2', ['1', 'a, "b"', '2']],
  ['"a",,"c",', ['a', '', 'c', '']],
  ['"a", "b" ,c', ['a', 'b', 'c']],
  ['"a,b', ['"a', 'b']],
  ['a "b" c,d', ['a "b" c', 'd']],
  ['', ['']],
  ['""', ['']],
])('%s', (line, cells) => {
  expect(cellsOf(line)).toEqual(cells)
})
