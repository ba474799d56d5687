const slides = [...document.querySelectorAll('.slide')]
const main = document.querySelector('main')
let now = 0

function show(number) {
  now = Math.min(Math.max(number, 0), slides.length - 1)
  slides.forEach((slide, n) => slide.classList.toggle('now', n === now))
  document.getElementById('place').textContent = `${now + 1} / ${slides.length}`
  history.replaceState(null, '', `#slide-${now + 1}`)
}

function follow() {  // a link may lead to a heading inside a slide
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  show(target ? slides.indexOf(target.closest('.slide')) : 0)
}

function fill() {  // a slide has 1280 x 720 pixels, whatever the window has
  const scale = Math.min(innerWidth / 1280, innerHeight / 720)
  main.style.transform = `scale(${scale})`
  main.style.left = `${(innerWidth - 1280 * scale) / 2}px`
}

function fit(slide) {  // the largest letters with which all that stands on the slide is seen
  const content = slide.querySelector('.content')
  const over = () => content.scrollHeight > content.clientHeight || content.scrollWidth > content.clientWidth
  for (const pre of content.querySelectorAll('pre')) {  // a table keeps its lines, unless they are too long
    if (pre.textContent.split('\n').some(line => line.length > 100)) pre.style.whiteSpace = 'pre-wrap'
  }
  for (let letters = 36; letters >= 14; letters--) {
    content.style.fontSize = `${letters}px`
    if (!over()) return
  }
}

const steps = {
  ArrowRight: 1, ArrowDown: 1, PageDown: 1, ' ': 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
  Home: -Infinity, End: Infinity,
}
addEventListener('keydown', event => {
  if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in steps)) return
  if (event.key === ' ' && event.target.closest('button, a')) return  // it presses what has the focus
  event.preventDefault()
  show(event.key === ' ' && event.shiftKey ? now - 1 : now + steps[event.key])
})
document.getElementById('previous').addEventListener('click', () => show(now - 1))
document.getElementById('next').addEventListener('click', () => show(now + 1))
addEventListener('hashchange', follow)
addEventListener('resize', fill)
addEventListener('load', () => {
  document.documentElement.classList.add('shown')
  slides.forEach(fit)
  fill()
  follow()
  document.documentElement.dataset.ready = 'yes'
})
