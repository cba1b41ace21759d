/** Values of a family's labels, in the order of their names. */
export type LabelValues = readonly string[];

/** A number that only grows. */
export interface Counter {
  /** @param by not negative. */
  add(values: LabelValues, by?: number): void;
}

export interface Histogram {
  observe(values: LabelValues, value: number): void;
}

export interface Sample {
  readonly values: LabelValues;
  readonly value: number;
}

/** Which lines somebody may see. @param labels by name. */
export type Visible = (labels: Readonly<Record<string, string>>) => boolean;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  lines(visible: Visible): Iterable<string>;
}

interface Bins {
  readonly counts: number[];
  sum: number;
  total: number;
}

/** Label values that a family keeps apart; what comes after that goes under `other`, so that no caller can fill the memory. */
const MAX_SERIES = 1_000;
const OTHER = 'other';

/**
 * Metrics in the Prometheus text format, version 0.0.4 ("Exposition formats", "Text format details").
 * One instance per daemon; families are made at the start and never go.
 */
export class Registry {
  readonly #families: Family[] = [];

  counter(name: string, help: string, labels: readonly string[] = []): Counter {
    const series = new Map<string, { readonly values: LabelValues; value: number }>();
    this.#families.push({
      name,
      help,
      type: 'counter',
      *lines(visible) {
        for (const { values, value } of series.values()) yield* line(name, labels, values, value, visible);
      },
    });
    return {
      add(values, by = 1) {
        seriesOf(series, values, () => 0).value += by;
      },
    };
  }

  /** @param collect asked at each scrape. */
  gauge(name: string, help: string, labels: readonly string[], collect: () => Iterable<Sample>): void {
    this.#computed('gauge', name, help, labels, collect);
  }

  /** A counter whose value is kept elsewhere. @param collect asked at each scrape. */
  counted(name: string, help: string, labels: readonly string[], collect: () => Iterable<Sample>): void {
    this.#computed('counter', name, help, labels, collect);
  }

  /** @param bounds upper ends of the buckets, ascending; the one without end is added. */
  histogram(name: string, help: string, labels: readonly string[], bounds: readonly number[]): Histogram {
    const series = new Map<string, { readonly values: LabelValues; value: Bins }>();
    const empty = (): Bins => ({ counts: bounds.map(() => 0), sum: 0, total: 0 });
    this.#families.push({
      name,
      help,
      type: 'histogram',
      *lines(visible) {
        for (const { values, value } of series.values()) {
          const within = [...labels, 'le'];
          let below = 0;
          for (const [at, bound] of bounds.entries()) {
            below += value.counts[at] ?? 0;
            yield* line(`${name}_bucket`, within, [...values, String(bound)], below, visible);
          }
          yield* line(`${name}_bucket`, within, [...values, '+Inf'], value.total, visible);
          yield* line(`${name}_sum`, labels, values, value.sum, visible);
          yield* line(`${name}_count`, labels, values, value.total, visible);
        }
      },
    });
    return {
      observe(values, measured) {
        const { value } = seriesOf(series, values, empty);
        value.sum += measured;
        value.total++;
        // One bucket only, the smallest that it fits: they are added up when they are asked for.
        let at = 0;
        while (at < bounds.length && measured > (bounds[at] ?? 0)) at += 1;
        if (at < bounds.length) value.counts[at] = (value.counts[at] ?? 0) + 1;
      },
    };
  }

  /** The whole page, but for what the reader may not see. */
  render(visible: Visible = () => true): string {
    const text: string[] = [];
    for (const family of this.#families) {
      const lines = [...family.lines(visible)];
      if (lines.length === 0) continue;
      text.push(`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.type}`, ...lines);
    }
    return `${text.join('\n')}\n`;
  }

  #computed(
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    labels: readonly string[],
    collect: () => Iterable<Sample>,
  ): void {
    this.#families.push({
      name,
      help,
      type,
      *lines(visible) {
        for (const { values, value } of collect()) yield* line(name, labels, values, value, visible);
      },
    });
  }
}

function seriesOf<T>(
  series: Map<string, { readonly values: LabelValues; value: T }>,
  values: LabelValues,
  empty: () => T,
): { value: T } {
  const key = values.join('\0');
  const known = series.get(key);
  if (known) return known;
  if (series.size >= MAX_SERIES && !values.every((value) => value === OTHER))
    return seriesOf(
      series,
      values.map(() => OTHER),
      empty,
    );
  const made = { values, value: empty() };
  series.set(key, made);
  return made;
}

function* line(
  name: string,
  labels: readonly string[],
  values: LabelValues,
  value: number,
  visible: Visible,
): Generator<string> {
  const named = Object.fromEntries(labels.map((label, at) => [label, values[at] ?? '']));
  if (!visible(named)) return;
  const pairs = Object.entries(named).map(([label, text]) => `${label}="${escapeValue(text)}"`);
  yield `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${Number.isFinite(value) ? value : value > 0 ? '+Inf' : 'NaN'}`;
}

function escapeValue(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
