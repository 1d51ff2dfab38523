// What came of a run: a file for programs, a short table for people.

// `cargo xtask load` says where, and prints the tables itself, after all questions.
const BY_TASK = __ENV.SOUK_LOAD_DIR !== undefined;
const DIR = BY_TASK ? __ENV.SOUK_LOAD_DIR : 'target/load';

export const TREND_STATS = ['min', 'med', 'p(95)', 'p(99)', 'max', 'count'];

// `lines` makes the table's lines of the metrics.
export function writeSummary(name, data, lines) {
  const table = lines(data.metrics).map(([what, figure]) => `  ${what.padEnd(34)} ${figure}`).join('\n');
  const told = {
    scenario: name,
    seconds: Math.round(data.state.testRunDurationMs) / 1000,
    held: Object.values(data.metrics).every((metric) => Object.values(metric.thresholds || {}).every((one) => one.ok)),
    setup: data.setup_data,
    metrics: data.metrics,
  };
  return {
    stdout: BY_TASK ? '' : `\n${table}\n`,
    [`${DIR}/${name}.json`]: `${JSON.stringify(told, null, 2)}\n`,
    [`${DIR}/${name}.txt`]: `${table}\n`,
  };
}

export function count(metrics, name) {
  return metrics[name] ? metrics[name].values.count : 0;
}

export function spread(metrics, name) {
  const trend = metrics[name] && metrics[name].values;
  if (!trend || trend.count === 0) return 'none';
  return `p50 ${ms(trend.med)}, p99 ${ms(trend['p(99)'])}, longest ${ms(trend.max)}`;
}

export function requests(metrics) {
  const { count: all, rate } = metrics.http_reqs.values;
  return `${all} (${Math.round(rate)} a second)`;
}

export function checks(metrics) {
  const { passes, fails } = metrics.checks ? metrics.checks.values : { passes: 0, fails: 0 };
  return fails === 0 ? `${passes} held` : `${passes} held, ${fails} FAILED`;
}

function ms(value) {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
