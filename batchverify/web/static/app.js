// What a page gains with a script: a drop, live progress, one cell at a time. Every form works without it.
// Nothing from outside becomes markup: texts go in by textContent, and there is no eval.
