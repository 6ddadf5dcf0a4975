import type { NextConfig } from "next";

const config: NextConfig = {
  // The folder that holds what resource402 depends on: here the packages of the root are used.
  ...(process.env.PACKAGES && { turbopack: { root: process.env.PACKAGES } }),
};

export default config;
