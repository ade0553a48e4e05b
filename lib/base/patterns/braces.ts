/**
 * Brace expansion: `*.{jpg,png}` matches either, as in shells. Braces without a comma (`{draft}.jpg`) are
 * literal, as in shells.
 */

/** Expands the braces of a pattern; undefined for more than `most` alternatives. */
export function expandBraces(pattern: string, most: number): string[] | undefined {
  const done: string[] = [];
  const waiting = [pattern];
  for (let text = waiting.pop(); text !== undefined; text = waiting.pop()) {
    const group = findGroups(text)[0];
    if (group === undefined) {
      done.push(text);
    } else {
      const before = text.slice(0, group.start);
      const after = text.slice(group.end + 1);
      for (const part of partsOf(text, group).reverse()) waiting.push(before + part + after);
    }
    if (done.length + waiting.length > most) return undefined;
  }
  return done;
}

/** Splits at commas that are neither escaped nor inside braces. */
export function splitAtCommas(text: string): string[] {
  const groups = findGroups(text);
  const commas: number[] = [];
  forEachMark(text, (mark, at) => {
    const isInside = groups.some((group) => group.start < at && at < group.end);
    if (mark === ',' && !isInside) commas.push(at);
  });
  return partsOf(text, { start: -1, end: text.length, commas });
}

/** A pair of braces and the commas that belong to it. */
interface Group {
  readonly start: number;
  readonly end: number;
  readonly commas: readonly number[];
}

function partsOf(text: string, { start, end, commas }: Group): string[] {
  const bounds = [start, ...commas, end];
  return bounds.slice(1).map((bound, i) => text.slice((bounds[i] as number) + 1, bound));
}

/** Pairs with a comma, in the order of their opening braces. */
function findGroups(text: string): Group[] {
  const groups: Group[] = [];
  const open: { start: number; commas: number[] }[] = [];
  forEachMark(text, (mark, at) => {
    if (mark === '{') open.push({ start: at, commas: [] });
    else if (mark === ',') open.at(-1)?.commas.push(at);
    else {
      const group = open.pop();
      if (group !== undefined && group.commas.length > 0) groups.push({ ...group, end: at });
    }
  });
  return groups.sort((a, b) => a.start - b.start);
}

function forEachMark(text: string, visit: (mark: '{' | ',' | '}', at: number) => void): void {
  for (let at = 0; at < text.length; at++) {
    const mark = text[at];
    if (mark === '\\') at++;
    else if (mark === '{' || mark === ',' || mark === '}') visit(mark, at);
  }
}
