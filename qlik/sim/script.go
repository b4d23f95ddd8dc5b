package sim

import (
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// emptyScript is the script of a new app.
const emptyScript = "///$tab Main\r\nSET ThousandSep=',';\r\nSET DecimalSep='.';\r\n"

// A load is one statement of a script that fetches data.
type load struct {
	table, source, statement string
	fields                   []string
	rows                     int64
	grows                    bool // with every reload
}

// A course is what carrying out a script will do.
type course struct {
	loads  []load
	sleep  time.Duration // Sleep statements
	broken string        // why it will fail; "" = it will not
}

// words are the patterns by which the statements of a script are told apart.
type words struct{ block, line, label, load, sleep, exit, from, inline, auto, resident, alias *regexp.Regexp }

func newWords() words {
	return words{
		block:    regexp.MustCompile(`(?s)/\*.*?\*/`),
		line:     regexp.MustCompile(`(?m)^\s*(//|(?i:rem)\s).*$`),
		label:    regexp.MustCompile(`^\s*(?:\[([^\]]+)\]|"([^"]+)"|([\pL\d_$-]+))\s*:`),
		load:     regexp.MustCompile(`(?is)^\s*(?:(?:noconcatenate|concatenate|mapping|add|replace|buffer|sql)\s+)*(?:load|select)\s+(?:distinct\s+)?(.*?)\s*$`),
		sleep:    regexp.MustCompile(`(?i)^\s*sleep\s+(\d{1,9})\s*$`),
		exit:     regexp.MustCompile(`(?i)^\s*exit\s+script`),
		from:     regexp.MustCompile(`(?is)\bfrom\s+(?:\[([^\]]+)\]|"([^"]+)"|'([^']+)'|(\S+))`),
		inline:   regexp.MustCompile(`(?is)\binline\s*\[(.*)\]`),
		auto:     regexp.MustCompile(`(?is)\bautogenerate\s*\(?\s*(\d{1,9})`),
		resident: regexp.MustCompile(`(?is)\bresident\s+(?:\[([^\]]+)\]|(\S+))`),
		alias:    regexp.MustCompile(`(?is)^.*\bas\s+`),
	}
}

// readScript tells what a script will do, as far as this simulation goes: LOAD
// and SELECT statements make tables, Sleep takes time, Exit Script ends it, and a
// source below lib://missing does not exist.
func readScript(w words, text string) course {
	var c course
	text = w.line.ReplaceAllString(w.block.ReplaceAllString(text, ""), "")
	for _, statement := range split(text, ';') {
		if w.exit.MatchString(statement) {
			break
		}
		if ms := w.sleep.FindStringSubmatch(statement); ms != nil {
			n, _ := strconv.Atoi(ms[1]) // nine digits at most
			c.sleep += time.Duration(n) * time.Millisecond
			continue
		}
		l, found := readLoad(w, statement, c.loads)
		if !found {
			continue
		}
		if strings.HasPrefix(strings.ToLower(l.source), "lib://missing") {
			c.broken = "Cannot open file '" + l.source + "': the connection does not exist"
			break
		}
		c.loads = append(c.loads, l)
	}
	return c
}

// readLoad reads one LOAD or SELECT statement.
func readLoad(w words, statement string, before []load) (load, bool) {
	l := load{statement: strings.Join(strings.Fields(statement), " ")}
	if label := w.label.FindStringSubmatch(statement); label != nil {
		l.table = label[1] + label[2] + label[3]
		statement = statement[len(label[0]):]
	}
	body := w.load.FindStringSubmatch(statement)
	if body == nil {
		return load{}, false
	}
	list := body[1]
	cut := len(list)
	for _, end := range []*regexp.Regexp{w.from, w.inline, w.auto, w.resident} {
		if at := end.FindStringIndex(list); at != nil {
			cut = min(cut, at[0])
		}
	}
	l.fields = fields(w, list[:cut])
	l.fill(w, list, before)
	if l.table == "" {
		l.table = "Table" + strconv.Itoa(len(before)+1)
	}
	return l, true
}

// fill finds out where a load's rows come from and how many they are.
func (l *load) fill(w words, list string, before []load) {
	if ms := w.inline.FindStringSubmatch(list); ms != nil {
		lines := slices.DeleteFunc(strings.Split(ms[1], "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
		l.source, l.rows = "INLINE", max(0, int64(len(lines))-1)
		if len(lines) > 0 && slices.Contains(l.fields, "*") {
			l.fields = fields(w, lines[0])
		}
		return
	}
	if ms := w.auto.FindStringSubmatch(list); ms != nil {
		n, _ := strconv.ParseInt(ms[1], 10, 64) // nine digits at most
		l.source, l.rows = "AUTOGENERATE", n
		return
	}
	if ms := w.resident.FindStringSubmatch(list); ms != nil {
		l.source = "RESIDENT " + ms[1] + ms[2]
		for _, b := range before {
			if b.table == ms[1]+ms[2] {
				l.rows, l.grows = b.rows, b.grows
			}
		}
		return
	}
	ms := w.from.FindStringSubmatch(list)
	if ms == nil {
		return
	}
	l.source = ms[1] + ms[2] + ms[3] + ms[4]
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.source)) // never fails
	l.rows, l.grows = 100+int64(h.Sum64()%9900), true
}

// fields lists the names of a field list.
func fields(w words, list string) []string {
	names := []string{}
	for _, part := range split(list, ',') {
		name := strings.Trim(strings.TrimSpace(w.alias.ReplaceAllString(part, "")), "[]\"` \t\r\n")
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// split cuts a text at a separator, but not within quotes or brackets.
func split(text string, at rune) []string {
	var parts []string
	var quote rune
	depth, start := 0, 0
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '[' || c == '(':
			depth++
		case (c == ']' || c == ')') && depth > 0:
			depth--
		case c == at && depth == 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}
