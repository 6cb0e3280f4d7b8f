const units = ['B', 'KB', 'MB', 'GB', 'TB']

/** A size as people read it, in powers of 1,000 as file managers show them. */
export function size(bytes) {
  let unit = 0
  let value = bytes
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** How long something takes yet. */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const steps = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

/** A time as its distance from now, or as a date after a week. */
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000
  if (Number.isNaN(seconds)) return ''
  if (Math.abs(seconds) > 7 * 86_400) return new Date(time).toLocaleDateString('en', { dateStyle: 'medium' })
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit)
  }
  return 'just now'
}

export function moment(time) {
  return new Date(time).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'medium' })
}

export function count(number, noun) {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
}

/** The last element of a path, under which a browser can save a file. */
export function baseOf(path) {
  return path.slice(path.lastIndexOf('/') + 1)
}
