// Builds elements. Text is set with textContent, so markup cannot be injected.

/**
 * An address of the server, for the page: the page may lie below a folder of its host, where a program or a
 * proxy has put the server.
 *
 * @param {string} address  as the server names it, from its own root: `/frame/1`
 */
export const at = (address) => `.${address}`;

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [props] `class`, `text`, `on` (events), `style` (properties),
 *   anything with a dash or `role` becomes an attribute, the rest a property; undefined is left out
 * @param {...(Node | string | undefined)} children
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined) continue;
    if (name === 'class') node.className = value;
    else if (name === 'text') node.textContent = value;
    else if (name === 'on')
      for (const [type, run] of Object.entries(value)) node.addEventListener(type, run);
    else if (name === 'style')
      for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else if (name.includes('-') || name === 'role') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== undefined));
  return node;
}

/** A 20 by 20 line drawing from path data. */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('icon');
  for (const data of paths) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', data);
    svg.append(path);
  }
  return svg;
}

/**
 * Puts a text into the clipboard. The clipboard's own interface exists only on https and loopback.
 *
 * @param {HTMLElement} host  what has the focus now; a field elsewhere could not take it
 * @returns {Promise<boolean>} false when the browser refuses
 */
export async function copyText(text, host) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const field = el('textarea', {
      class: 'sr',
      value: text,
      readOnly: true,
      'aria-hidden': 'true',
    });
    host.append(field);
    field.select();
    const isCopied = document.execCommand('copy');
    field.remove();
    focused?.focus();
    return isCopied;
  }
}

/** @param {string} id */
export const byId = (id) => document.getElementById(id);
