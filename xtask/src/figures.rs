//! The figures that benchmarks wrote down, as one table: the median of each over its runs, and how far they went apart.

/// A figure, measured some times.
struct Figure {
    name: String,
    unit: String,
    values: Vec<f64>,
}

/// The lines that benchmarks left, each `name<TAB>value<TAB>unit`, as a table in the order in which the figures came
/// first.
pub fn table(lines: &str) -> String {
    let mut figures: Vec<Figure> = Vec::new();
    for line in lines.lines() {
        let mut columns = line.split('\t');
        let (Some(name), Some(value), Some(unit)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        let Ok(value) = value.parse() else { continue };
        match figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => {
                figures.push(Figure { name: name.to_owned(), unit: unit.to_owned(), values: vec![value] })
            }
        }
    }
    let mut table = String::from("| What | Median | From | To | Runs |\n|---|---:|---:|---:|---:|\n");
    for Figure { name, unit, mut values } in figures {
        values.sort_by(f64::total_cmp);
        let (first, last) = (values[0], values[values.len() - 1]);
        let (half, is_odd) = (values.len() / 2, values.len() % 2 == 1);
        let median = if is_odd { values[half] } else { (values[half - 1] + values[half]) / 2.0 };
        let [median, first, last] = [median, first, last].map(readable);
        table.push_str(&format!("| {name} | {median} {unit} | {first} | {last} | {} |\n", values.len()));
    }
    table
}

/// Three figures that count, thousands apart.
fn readable(value: f64) -> String {
    if value.abs() >= 100.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (n, digit) in digits.chars().enumerate() {
            if n > 0 && (digits.len() - n).is_multiple_of(3) && !text.ends_with('-') {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else if value.abs() >= 10.0 || value == 0.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_several_runs_become_a_median_and_a_range() {
        let lines = "hot: souk\t52000.4\t/s\nhot: ratio\t31.04\tx\nhot: souk\t49999\t/s\nodd line\nhot: souk\t1234567\t/s\n";
        let table = table(lines);
        assert!(table.contains("| hot: souk | 52,000 /s | 49,999 | 1,234,567 | 3 |"), "{table}");
        assert!(table.contains("| hot: ratio | 31.0 x | 31.0 | 31.0 | 1 |"), "{table}");
        assert_eq!(table.lines().count(), 4, "{table}");
    }

    #[test]
    fn figures_are_short() {
        for (value, text) in
            [(0.0, "0.0"), (0.351, "0.35"), (-1.5, "-1.50"), (99.96, "100.0"), (1000.0, "1,000")]
        {
            assert_eq!(readable(value), text);
        }
    }
}
