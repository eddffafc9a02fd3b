// Lines of the set-up: on a terminal a block that moves, elsewhere one plain line when a step is done. A failure stands where the ✓ would be.

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

export function createProgress(output = process.stdout, env = process.env) {
  const moves = output.isTTY === true && env.TERM !== 'dumb'
  const colours = !env.NO_COLOR && (moves || Boolean(env.FORCE_COLOR))
  const paint = (code, text) => (colours ? `\x1b[${code}m${text}\x1b[39m` : text)
  const steps = []
  let drawn = 0
  let frame = 0
  let timer

  const lineOf = (step) => {
    const seconds = step.seconds === undefined ? '' : `${step.seconds.toFixed(1).padStart(5)} s`
    const label = step.label.padEnd(44)
    if (step.state === 'done') return `  ${paint(32, '✓')} ${label} ${seconds}`
    if (step.state === 'failed') return `  ${paint(31, '✗')} ${step.problem}`
    return `  ${FRAMES[frame]} ${step.label}`
  }
  const draw = () => {
    frame = (frame + 1) % FRAMES.length
    output.write(`${drawn ? `\x1b[${drawn}A` : ''}${steps.map((step) => `\r\x1b[2K${lineOf(step)}\n`).join('')}`)
    drawn = steps.length
  }

  return {
    title(text) {
      output.write(`${colours ? `\x1b[1m${text}\x1b[22m` : text}\n`)
    },
    /** Runs `work` as one step; what it throws is shown with its cause and remedy. */
    async step(label, work) {
      const step = { label, state: 'running', since: performance.now() }
      steps.push(step)
      if (moves) {
        draw()
        timer ??= setInterval(draw, 100)
      }
      const settle = (state, problem) => {
        step.state = state
        step.problem = problem
        step.seconds = (performance.now() - step.since) / 1000
        if (moves) draw()
        else output.write(`${lineOf(step)}\n`)
        if (steps.every((one) => one.state !== 'running')) {
          clearInterval(timer)
          timer = undefined
          if (moves) {
            steps.length = 0 // what stands on the screen stays; the next step begins below
            drawn = 0
          }
        }
      }
      try {
        const result = await work((text) => {
          step.label = text
        })
        settle('done')
        return result
      } catch (error) {
        settle('failed', error.remedy ? `${label}: ${error.message} ${error.remedy}` : `${label}: ${error.message}`)
        error.shown = true
        throw error
      }
    },
  }
}
