package qlik

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strings"
)

// A Page is one answer of a listing. Next and Prev are links; give Next to the
// query of the next call, as it is, or walk all pages with an iterator.
type Page[T any] struct {
	Data       []T
	Next, Prev string // empty: there is none
}

// UnmarshalJSON reads a page. One without a list of data is an error: to take it
// for an empty one could make a caller believe that nothing is there.
func (p *Page[T]) UnmarshalJSON(b []byte) error {
	var wire struct {
		Data  *[]T `json:"data"`
		Links struct {
			Next, Prev Link
		} `json:"links"`
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	if wire.Data == nil {
		return fmt.Errorf("%w: a listing without data", errUnusable)
	}
	p.Data, p.Next, p.Prev = *wire.Data, wire.Links.Next.Href, wire.Links.Prev.Href
	return nil
}

// list fetches one page: the one a link of an earlier page leads to, or the
// first one of a query.
func list[T any](ctx context.Context, c *Client, k call, link string) (Page[T], error) {
	var page Page[T]
	if link != "" {
		target, err := c.follow(k.op, link)
		if err != nil {
			return page, err
		}
		k.link = target
	}
	err := c.do(ctx, k, &page)
	return page, err
}

// walk walks a listing from its first page. Each page is one call; after an error it ends.
func walk[T any](ctx context.Context, c *Client, k call) iter.Seq2[T, error] {
	return pages(k.op, func(link string) (Page[T], error) { return list[T](ctx, c, k, link) }, "")
}

// pages walks a listing from the page that link leads to; "" is the first one.
func pages[T any](op string, fetch func(link string) (Page[T], error), link string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for seen := map[string]bool{}; ; seen[link] = true {
			page, err := fetch(link)
			if err != nil {
				yield(none, err)
				return
			}
			for _, record := range page.Data {
				if !yield(record, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			if link = page.Next; seen[link] {
				yield(none, &Error{Op: op, Err: fmt.Errorf("%w: the pages lead back to %q", errUnusable, link)})
				return
			}
		}
	}
}

// follow checks a link that an answer gave. Only links of the tenant itself are
// followed, because the token goes with the request.
func (c *Client) follow(op, link string) (*url.URL, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, invalid(op, "link %q: %v", link, err)
	}
	root := *c.base
	root.Path += "/"
	u = root.ResolveReference(u)
	if u.Scheme != c.base.Scheme || !sameHost(u, c.base) || u.User != nil {
		return nil, invalid(op, "link %q leads away from the tenant %s", u.Redacted(), c.base.Host)
	}
	return u, nil
}

// sameHost reports whether two addresses of one scheme have the same host, however its
// letters and the scheme's own port are written.
func sameHost(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}
