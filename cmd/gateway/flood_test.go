package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mostGrowth is how many times its resident memory the gateway may grow by under
// the flood of this test; with the race detector, everything takes several times as
// much. docs/security.md has the figure that was measured.
const mostGrowth = 3

// resident asks the gateway how much memory it has.
func (s *site) resident() int64 {
	response, err := http.Get("http://" + s.up.Console + "/metrics")
	if err != nil {
		s.t.Error(err)
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
		if text, ok := strings.CutPrefix(scanner.Text(), "process_resident_memory_bytes "); ok {
			bytes, err := strconv.ParseFloat(text, 64)
			if err != nil {
				s.t.Error(err)
			}
			return int64(bytes)
		}
	}
	s.t.Error("no process_resident_memory_bytes")
	return 0
}

// endless is a body of zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// hanging opens a connection, sends what it is given and leaves it open.
func (s *site) hanging(sent string) net.Conn {
	conn, err := net.Dial("tcp", s.up.HTTP)
	if err != nil {
		s.t.Error(err)
		return nil
	}
	if _, err := io.WriteString(conn, sent); err != nil {
		s.t.Error(err)
	}
	return conn
}

// huge sends a body of 1 GiB, with or without saying so, and returns the status;
// 0 = the gateway hung up on it.
func (s *site) huge(announced bool) int {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.up.HTTP+"/hooks/jobs", io.LimitReader(endless{}, 1<<30))
	if err != nil {
		s.t.Error(err)
		return 0
	}
	if announced {
		request.ContentLength = 1 << 30
	}
	request.Header.Set("Authorization", "Bearer "+testSecret)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

func TestFloodLeavesMemoryFlatAndHonestSendersServed(t *testing.T) {
	t.Parallel()
	s := newSite(t, salesRule)
	for i := range 200 {
		if status, answer := s.hook(fmt.Sprintf(`{"outcome":"failed","n":%d}`, i)); status != http.StatusAccepted {
			t.Fatal(status, answer)
		}
	}
	before := s.resident()
	var peak atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	honest, slowest := 0, time.Duration(0)
	beside.Go(func() {
		for ctx.Err() == nil {
			peak.Store(max(peak.Load(), s.resident()))
			began := time.Now()
			if status, answer := s.hook(`{"outcome":"failed"}`); status != http.StatusAccepted {
				t.Errorf("an honest sender is answered %d %s", status, answer)
			}
			honest, slowest = honest+1, max(slowest, time.Since(began))
		}
	})
	s.flood()
	stop()
	beside.Wait()
	grown := peak.Load() - before
	t.Logf("resident before %d MB, at most %d MB more; %d honest deliveries, the slowest %s", before>>20, grown>>20, honest, slowest)
	if grown > mostGrowth*before || honest == 0 {
		t.Errorf("resident memory grew by %d MB, %d honest deliveries", grown>>20, honest)
	}
}

// flood does all that a bad sender can: half-open and cancelled connections, bodies
// of 1 GiB, and requests with 10,000 headers.
func (s *site) flood() {
	head := "POST /hooks/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testSecret + "\r\n"
	var open []net.Conn
	for i := range 2000 {
		conn := s.hanging(head + "Content-Length: 500000\r\n\r\n" + strings.Repeat(" ", 1000))
		if conn == nil {
			continue
		}
		if i%2 == 0 {
			_ = conn.Close()
			continue
		}
		open = append(open, conn)
	}
	for _, announced := range []bool{true, false} {
		if status := s.huge(announced); status != http.StatusRequestEntityTooLarge && status != 0 {
			s.t.Errorf("1 GiB is answered %d", status)
		}
	}
	var headers strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&headers, "X-Header-%d: value\r\n", i)
	}
	for range 20 {
		conn, err := net.Dial("tcp", s.up.HTTP)
		if err != nil {
			s.t.Error(err)
			continue
		}
		go func() { _, _ = io.WriteString(conn, head+headers.String()+"\r\n") }()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			s.t.Errorf("10,000 headers are answered %d", response.StatusCode)
		}
		_ = conn.Close()
	}
	for _, conn := range open {
		_ = conn.Close()
	}
}
