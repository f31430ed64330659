// Sets the colour scheme before the first paint. A file of its own, because the content security policy allows no inline
// script; it must agree with the storage key in app/theme.ts.
(function () {
  var chosen = 'auto';
  try {
    chosen = localStorage.getItem('signalbox.scheme') || 'auto';
  } catch (_) {
    // Storage is blocked: follow the system.
  }
  var dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
