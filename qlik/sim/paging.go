package sim

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
)

// listing is one page on the wire.
type listing struct {
	Data  any       `json:"data"`
	Links pageLinks `json:"links"`
}

type pageLinks struct {
	Self href  `json:"self"`
	Next *href `json:"next,omitempty"`
	Prev *href `json:"prev,omitempty"`
}

// page cuts the page that a request asks for out of a list, and gives its links.
// A cursor names the record it starts after or ends before, so that records that
// come or go do not shift the others.
func page[T any](t *Tenant, r *request, list []T, id func(T) string) ([]T, pageLinks, *answer) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	switch {
	case !q.Has("limit"):
		limit = 10
	case err != nil || limit < 1 || limit > 100:
		return nil, pageLinks{}, t.invalid("limit is " + q.Get("limit") + ", expected 1 to 100.")
	}
	if q.Get("next") != "" && q.Get("prev") != "" {
		return nil, pageLinks{}, t.invalid("Give next or prev, not both.")
	}
	from, to := 0, min(limit, len(list))
	if cursor := q.Get("next"); cursor != "" {
		at, err := find(list, id, cursor)
		if err != nil {
			return nil, pageLinks{}, t.invalid(err.Error() + ".")
		}
		from, to = at+1, min(at+1+limit, len(list))
	} else if cursor := q.Get("prev"); cursor != "" {
		at, err := find(list, id, cursor)
		if err != nil {
			return nil, pageLinks{}, t.invalid(err.Error() + ".")
		}
		from, to = max(0, at-limit), at
	}
	links := pageLinks{Self: r.link(r.path() + query(q, "", ""))}
	if to < len(list) && to > from {
		links.Next = r.cursor("next", id(list[to-1]))
	}
	if from > 0 && to > from {
		links.Prev = r.cursor("prev", id(list[from]))
	}
	return list[from:to], links, nil
}

// cursor gives the link to the page after or before a record.
func (r *request) cursor(direction, id string) *href {
	l := r.link(r.path() + query(r.URL.Query(), direction, base64.RawURLEncoding.EncodeToString([]byte(id))))
	return &l
}

// query writes the query of a link, with one cursor at most.
func query(q url.Values, direction, cursor string) string {
	if direction != "" {
		q.Del("next")
		q.Del("prev")
		q.Set(direction, cursor)
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// find gives the place of the record that a cursor names.
func find[T any](list []T, id func(T) string, cursor string) (int, error) {
	name, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		for i, record := range list {
			if id(record) == string(name) {
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("the cursor %q is not valid any more", cursor)
}
