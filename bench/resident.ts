/** Memory of a process and its descendants. */
import { readdirSync, readFileSync } from 'node:fs';

/** Private resident bytes of this process and its descendants; without /proc, of this process only. */
export function residentBytes(): number {
  const parents = new Map<number, number>();
  const resident = new Map<number, number>();
  let names: string[] = [];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return process.memoryUsage.rss();
  }
  for (const name of names) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      parents.set(Number(name), Number(fields[1]));
      // Private memory only: mapped rows belong to the page cache.
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      const anonymous = /RssAnon:\s+(\d+)/.exec(status)?.[1] ?? '0';
      resident.set(Number(name), Number(anonymous) * 1024);
    } catch {
      // It has ended.
    }
  }
  let total = 0;
  for (const [pid, bytes] of resident) {
    let at: number | undefined = pid;
    while (at !== undefined && at !== process.pid && at > 1) at = parents.get(at);
    if (at === process.pid) total += bytes;
  }
  return total;
}
