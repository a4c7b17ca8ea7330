// What esbuild puts into the style sheet of a widget.
declare module "*.css";
