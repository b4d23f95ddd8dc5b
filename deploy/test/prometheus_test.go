package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// scrape is how often these series were looked at.
const scrape = 30 * time.Second

// ask has Prometheus' own engine answer a query over a span of time that begins at zero,
// of which it knows these series, one a line as its own tests write them.
func ask(t *testing.T, series, query string, from, to time.Duration) promql.Matrix {
	t.Helper()
	known := readSeries(t, series)
	source := &storage.MockQueryable{MockQuerier: &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		return &chosen{series: slices.DeleteFunc(slices.Clone(known), func(s storage.Series) bool {
			return slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.Labels().Get(m.Name)) })
		}), at: -1}
	}}}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: patience, Parser: parser.NewParser(parser.Options{})})
	defer engine.Close() //nolint:errcheck // it holds nothing
	asked, err := engine.NewRangeQuery(t.Context(), source, nil, query, time.Unix(0, 0).Add(from), time.Unix(0, 0).Add(to), scrape)
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	matrix, err := asked.Exec(t.Context()).Matrix()
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	return matrix
}

// readSeries reads lines such as `up{job="a"} 1x60 0x60`.
func readSeries(t *testing.T, text string) []storage.Series {
	t.Helper()
	reader := parser.NewParser(parser.Options{})
	var all []storage.Series
	for line := range strings.Lines(strings.TrimSpace(text)) {
		name, values, err := reader.ParseSeriesDesc(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		var samples []chunks.Sample
		for i, value := range values {
			if !value.Omitted {
				samples = append(samples, point{int64(i) * scrape.Milliseconds(), value.Value})
			}
		}
		all = append(all, storage.NewListSeries(name, samples))
	}
	return all
}

// chosen are the series that a query asks for.
type chosen struct {
	series []storage.Series
	at     int
}

func (c *chosen) Next() bool                      { c.at++; return c.at < len(c.series) }
func (c *chosen) At() storage.Series              { return c.series[c.at] }
func (*chosen) Err() error                        { return nil }
func (*chosen) Warnings() annotations.Annotations { return nil }

// A point is a value at a time in milliseconds.
type point struct {
	t int64
	v float64
}

func (p point) T() int64                    { return p.t }
func (point) ST() int64                     { return 0 }
func (p point) F() float64                  { return p.v }
func (point) H() *histogram.Histogram       { return nil }
func (point) FH() *histogram.FloatHistogram { return nil }
func (point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample         { return p }
