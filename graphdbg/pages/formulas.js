// Equations of the card, put together from the symbols, formulas and numbers of the data: each of
// these is MathML that the page's maker wrote, every name in it escaped.

// An element with a class and text; never with markup from the data.
function element(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

const sign = (text) => `<mo lspace="0.2222em" rspace="0.2222em">${text}</mo>`;
const MINUS = '<mo form="prefix" lspace="0em" rspace="0em">−</mo>';
const EQUALS = '<mo form="infix" lspace="0em" rspace="0.2778em">=</mo>'; // a blank stands before it
const row = (inside) => `<mrow>${inside}</mrow>`;

// ∂f/∂q from the symbols of both.
function derivative(of, by) {
  return `<mfrac><mrow><mi>∂</mi>${of}</mrow><mrow><mi>∂</mi>${by}</mrow></mfrac>`;
}

// A number as it stands in the card, with a power of ten where it has an exponent.
function numeral(text) {
  const [mantissa, exponent] = text.split("e"), plain = mantissa.replace(/^-/, "");
  if (!/^[\d.]+$/.test(plain)) return `<mtext>${text}</mtext>`; // nan and inf
  const found = (mantissa.startsWith("-") ? MINUS : "") + `<mn>${plain}</mn>`;
  if (exponent === undefined) return found;
  return `${found}${sign("⋅")}<msup><mn>10</mn>${row(numeral(String(Number(exponent))))}</msup>`;
}

// A factor of a product: a sum or a negative number gets brackets, large ones where it is tall.
function factor(math, loose) {
  const tall = /<m(frac|sqrt|table)/.test(math) ? "" : ' stretchy="false"';
  const bracket = (text) => `<mo${tall}>${text}</mo>`;
  return loose ? row(bracket("(") + math + bracket(")")) : row(math);
}

function product(left, right, wise) {
  return left && right ? left + sign(wise ? "⊙" : "⋅") + right : "";
}

// a = b = c: what is missing or repeats its neighbour is left out. Each side is a formula of its own,
// so that a line may end before an equals sign.
function equation(sides, kind) {
  const made = element("div", "formula " + (kind || "")), kept = sides.filter(Boolean);
  const shown = kept.filter((side, at) => side !== kept[at - 1]);
  made.innerHTML = shown.map((side, at) => `<math>${at ? EQUALS : ""}${side}</math>`).join(" ");
  return made;
}

// The number that an equation comes to; no line ends after its equals sign.
function result(number) {
  const made = element("span", "result");
  made.append(element("span", "equals", "= "), number);
  return made;
}
