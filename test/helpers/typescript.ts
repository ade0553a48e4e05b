/** What TypeScript says of some files. The types of the language and of Node are read once for all programs. */
import ts from 'typescript';

const shared = new Map<string, ts.SourceFile | undefined>();

export function typeErrors(
  files: readonly string[],
  options: ts.CompilerOptions,
): readonly ts.Diagnostic[] {
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, how, ...more) => {
    if (!/[\\/](?:typescript[\\/]lib|@types)[\\/]/.test(name)) return read(name, how, ...more);
    // A file is bound once, as a module of one kind.
    const kind = typeof how === 'object' ? how.impliedNodeFormat : undefined;
    const key = `${name} ${kind}`;
    if (!shared.has(key)) shared.set(key, read(name, how, ...more));
    return shared.get(key);
  };
  return ts.getPreEmitDiagnostics(ts.createProgram([...files], options, host));
}

export const textOf = ({ messageText }: ts.Diagnostic, lineBreak = '\n'): string =>
  ts.flattenDiagnosticMessageText(messageText, lineBreak);
