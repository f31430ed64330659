/** Mantine, set to this product's look: small type, small radii, our own colours through CSS variables (styles/tokens.css). */
import { type MantineColorsTuple, createTheme, localStorageColorSchemeManager } from '@mantine/core';

/** The key that public/scheme.js reads before the first paint. */
export const schemeManager = localStorageColorSchemeManager({ key: 'signalbox.scheme' });

const petrol: MantineColorsTuple = [
  '#e3f4f8', '#cbe7ee', '#9bd0de', '#68b8cd', '#41a4be', '#2797b5', '#127d9a', '#0b6d88', '#055a71', '#00485c',
];

const slate: MantineColorsTuple = [
  '#dbe4ea', '#b4c1ca', '#93a2ad', '#65747f', '#3a4a55', '#2a3842', '#1b262e', '#131b21', '#0d1317', '#080d10',
];

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';
export const MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", "DejaVu Sans Mono", "Liberation Mono", monospace';

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 7, dark: 6 },
  colors: { petrol, dark: slate },
  fontFamily: FONT,
  fontFamilyMonospace: MONO,
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  radius: { xs: '2px', sm: '3px', md: '4px', lg: '6px', xl: '8px' },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true, fz: 'xs' } },
    TextInput: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs', comboboxProps: { shadow: 'md' }, checkIconPosition: 'right' } },
    Button: { defaultProps: { size: 'xs' } },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray', size: 28 } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
    Modal: { defaultProps: { centered: true, closeButtonProps: { 'aria-label': 'Close' }, overlayProps: { backgroundOpacity: 0.4 }, transitionProps: { duration: 100 } } },
  },
});
