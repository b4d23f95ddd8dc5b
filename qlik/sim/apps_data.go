package sim

import (
	"net/http"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// data is what an app holds after its reloads.
type data struct {
	tables  []dataTable
	sources []load
	cpu     time.Duration
	peak    int64
	reloads int64 // how many succeeded
}

// A dataTable is one table of an app.
type dataTable struct {
	name   string
	fields []string
	rows   int64
}

// bytes is how large the table is, at eight bytes a value.
func (d dataTable) bytes() int64 { return d.rows * int64(len(d.fields)) * 8 }

// after gives the data as a reload that succeeds leaves it. A partial one adds
// its rows to the tables; a full one replaces them.
func (d data) after(c course, partial bool, took time.Duration) data {
	next := data{sources: c.loads, cpu: took / 2, reloads: d.reloads + 1}
	if partial {
		next.tables = slices.Clone(d.tables)
	}
	for _, l := range c.loads {
		at := slices.IndexFunc(next.tables, func(t dataTable) bool { return t.name == l.table })
		if at < 0 {
			at = len(next.tables)
			next.tables = append(next.tables, dataTable{name: l.table})
		}
		t := &next.tables[at]
		t.rows += d.fetched(l)
		t.fields = union(t.fields, l.fields)
	}
	for _, t := range next.tables {
		next.peak += 3 * t.bytes()
	}
	return next
}

// fetched is how many rows a load brings: a source that grows has one in a
// hundred more with every reload.
func (d data) fetched(l load) int64 {
	if l.grows {
		return l.rows + l.rows*d.reloads/100
	}
	return l.rows
}

// union gives the names of both lists.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// keys counts the fields of a table that other tables have too.
func (d data) keys(t dataTable) int {
	n := 0
	for _, name := range t.fields {
		if slices.ContainsFunc(d.tables, func(o dataTable) bool { return o.name != t.name && slices.Contains(o.fields, name) }) {
			n++
		}
	}
	return n
}

// fields lists all fields, each once.
func (d data) fields() []string {
	all := []string{}
	for _, t := range d.tables {
		all = union(all, t.fields)
	}
	return all
}

// documentData is data as the document writes it.
type documentData struct {
	Fields     []documentField `json:"fields"`
	Tables     []documentTable `json:"tables"`
	ReloadMeta documentMeta    `json:"reloadMeta"`
}

type documentField struct {
	Name     string   `json:"name"`
	Tags     []string `json:"tags"`
	IsSystem bool     `json:"isSystem"`
}

type documentTable struct {
	Name          string `json:"name"`
	NoOfRows      int64  `json:"noOfRows"`
	NoOfFields    int    `json:"noOfFields"`
	NoOfKeyFields int    `json:"noOfKeyFields"`
	ByteSize      int64  `json:"byteSize"`
}

type documentMeta struct {
	CPUTimeSpentMs  int64 `json:"cpuTimeSpentMs"`
	PeakMemoryBytes int64 `json:"peakMemoryBytes"`
}

// document gives the data as the document writes it.
func (d data) document() documentData {
	wire := documentData{
		Fields: []documentField{}, Tables: []documentTable{},
		ReloadMeta: documentMeta{d.cpu.Milliseconds(), d.peak},
	}
	for _, name := range d.fields() {
		wire.Fields = append(wire.Fields, documentField{Name: name, Tags: []string{"$text"}})
	}
	for _, t := range d.tables {
		wire.Tables = append(wire.Tables, documentTable{t.name, t.rows, len(t.fields), d.keys(t), t.bytes()})
	}
	return wire
}

// cloudData is data as the live service writes it: the same, in other keys.
type cloudData struct {
	Fields           []cloudField `json:"fields"`
	Tables           []cloudTable `json:"tables"`
	ReloadMeta       cloudMeta    `json:"reload_meta"`
	StaticByteSize   int64        `json:"static_byte_size"`
	HasSectionAccess bool         `json:"has_section_access"`
}

type cloudField struct {
	Name     string   `json:"name"`
	Tags     []string `json:"tags"`
	IsSystem bool     `json:"is_system"`
}

type cloudTable struct {
	Name          string `json:"name"`
	NoOfRows      int64  `json:"no_of_rows"`
	NoOfFields    int    `json:"no_of_fields"`
	NoOfKeyFields int    `json:"no_of_key_fields"`
	ByteSize      int64  `json:"byte_size"`
}

type cloudMeta struct {
	CPUTimeSpentMs  int64 `json:"cpu_time_spent_ms"`
	PeakMemoryBytes int64 `json:"peak_memory_bytes"`
}

// cloud gives the data as the live service writes it.
func (d documentData) cloud() cloudData {
	wire := cloudData{Fields: []cloudField{}, Tables: []cloudTable{}, ReloadMeta: cloudMeta(d.ReloadMeta)}
	for _, f := range d.Fields {
		wire.Fields = append(wire.Fields, cloudField(f))
	}
	for _, t := range d.Tables {
		wire.Tables = append(wire.Tables, cloudTable(t))
		wire.StaticByteSize += t.ByteSize
	}
	return wire
}

func (t *Tenant) getAppDataMetadata(r *request) answer {
	a, refused := t.findApp(r, mayRead)
	if refused != nil {
		return *refused
	}
	if t.cfg.Dialect == qlik.Cloud {
		return ok(http.StatusOK, a.data.document().cloud())
	}
	return ok(http.StatusOK, a.data.document())
}

// lineage is one source of an app on the wire.
type lineage struct {
	Discriminator string `json:"discriminator"`
	Statement     string `json:"statement"`
}

func (t *Tenant) getAppDataLineage(r *request) answer {
	a, refused := t.findApp(r, mayRead)
	if refused != nil {
		return *refused
	}
	list := []lineage{}
	for _, l := range a.data.sources {
		list = append(list, lineage{l.source, l.statement})
	}
	return ok(http.StatusOK, list)
}
